"""Sentences of the grammar in full, translated by hand."""

# Sentences in full: a template and its words, and what they say.
SENTENCES: dict[tuple[str, str], tuple[str, str, str, str]] = {
    ("where_is", "p=post office"): (
        "Where is the post office?",
        "¿Dónde está la oficina de correos?",
        "Où est le bureau de poste?",
        "Wo ist das Postamt?",
    ),
    ("order_many", "n=5, d=bottle of water"): (
        "Please bring us five bottles of water.",
        "Tráiganos cinco botellas de agua, por favor.",
        "Apportez-nous cinq bouteilles d'eau, s'il vous plaît.",
        "Bringen Sie uns bitte fünf Flaschen Wasser.",
    ),
    ("buy_clothing/past_negation", "o=scarf, s=my brother, t="): (
        "My brother did not buy a scarf.",
        "Mi hermano no compró una bufanda.",
        "Mon frère n'a pas acheté d'écharpe.",
        "Mein Bruder hat keinen Schal gekauft.",
    ),
    ("go_to_place/past_question", "p=theater, s=my sister, t="): (
        "Did my sister go to the theater?",
        "¿Fue mi hermana al teatro?",
        "Est-ce que ma sœur est allée au théâtre?",
        "Ist meine Schwester zum Theater gegangen?",
    ),
    ("go_to_place/past_question", "p=bus stop, s=she, t=two days ago"): (
        "Did she go to the bus stop two days ago?",
        "¿Fue ella a la parada de autobús hace dos días?",
        "Est-ce qu'elle est allée à l'arrêt de bus il y a deux jours?",
        "Ist sie vor zwei Tagen zur Bushaltestelle gegangen?",
    ),
    ("go_to_place/past/also", "p=theater, s=we, t=last night"): (
        "We went to the theater last night.",
        "Fuimos al teatro anoche.",
        "Nous sommes allés au théâtre hier soir.",
        "Wir sind gestern Abend zum Theater gegangen.",
    ),
    ("looking_for", "c=pants, k=green"): (
        "I am looking for green pants.",
        "Busco unos pantalones verdes.",
        "Je cherche un pantalon vert.",
        "Ich suche eine grüne Hose.",
    ),
    ("likes_not", "s=he, f=strawberries"): (
        "He does not like strawberries.",
        "A él no le gustan las fresas.",
        "Il n'aime pas les fraises.",
        "Er mag keine Erdbeeren.",
    ),
    ("hurts_relative", "r=mother, b=hand"): (
        "My mother's hand hurts.",
        "A mi madre le duele la mano.",
        "Ma mère a mal à la main.",
        "Meiner Mutter tut die Hand weh.",
    ),
    ("thing_on", "o=wallet, f=bed"): (
        "Your wallet is on the bed.",
        "Su cartera está sobre la cama.",
        "Votre portefeuille est sur le lit.",
        "Ihre Brieftasche ist auf dem Bett.",
    ),
    ("want_to/question", "x=swim, s=my daughter, t=on Saturday"): (
        "Does my daughter want to swim on Saturday?",
        "¿Quiere mi hija nadar el sábado?",
        "Est-ce que ma fille veut nager samedi?",
        "Will meine Tochter am Samstag schwimmen?",
    ),
    ("do_you_speak", "l=Spanish, a=Daniel"): (
        "Do you speak Spanish, Daniel?",
        "¿Hablas español, Daniel?",
        "Est-ce que tu parles espagnol, Daniel?",
        "Sprichst du Spanisch, Daniel?",
    ),
    ("feel/negation", "o=well, s=David"): (
        "David does not feel well.",
        "David no se encuentra bien.",
        "David ne se sent pas bien.",
        "David fühlt sich nicht gut.",
    ),
    ("event_at", "e=video call, w=tomorrow, t=half past, h=6"): (
        "The video call is tomorrow at half past six.",
        "La videollamada es mañana a las seis y media.",
        "L'appel vidéo est demain à six heures et demie.",
        "Der Videoanruf ist morgen um halb sieben.",
    ),
    ("cancel_event/past_negation", "e=party, s=my son, t="): (
        "My son did not cancel the party.",
        "Mi hijo no canceló la fiesta.",
        "Mon fils n'a pas annulé la fête.",
        "Mein Sohn hat die Party nicht abgesagt.",
    ),
}
