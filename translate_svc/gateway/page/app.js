/** The page: choose languages, speak or play, read and hear. */

import { ClipFeed, decodeClip } from "./audio/clip.js";
import { Microphone } from "./audio/microphone.js";
import { Player } from "./audio/player.js";
import { Conversation } from "./session/conversation.js";
import { sessionSettings } from "./session/settings.js";
import { TranslationSession } from "./session/translation_session.js";
import { Captions } from "./view/captions.js";
import { Controls } from "./view/controls.js";
import { Inspector } from "./view/inspector.js";
import { getJsonWithKey } from "./view/key_dialog.js";
import { LanguageNames } from "./view/language_names.js";
import { LanguagePicker } from "./view/language_picker.js";
import { Panes } from "./view/panes.js";
import { sampleData, showSamples } from "./view/samples.js";
import { TakeHome } from "./view/take_home.js";
import { TalkersPicker } from "./view/talkers_picker.js";

const conversation = new Conversation();
const player = new Player();
const controls = new Controls();

let model; // as GET /v1/models lists it
let picker;
let talkers;
let captions;
let panes;
let takeHome;
let session = null;
let feed = null; // Microphone or ClipFeed

/** What the session that is wanted now translates. */
function choice() {
  return {
    model: model.id,
    ...columns(),
    between: talkers.between,
    simultaneous: controls.simultaneous && model.simultaneous,
  };
}

/** The columns of the conversation. */
function columns() {
  return talkers.between ? { source: "", targets: [] } : { source: picker.source, targets: picker.targets };
}

/** Shows the names of the languages above what is said in them. */
function head() {
  captions.head(columns());
  panes.head(talkers.between);
}

/** Opens a session, then starts what `open(onPart, session)` resolves to: a Microphone or a ClipFeed. */
async function run(state, open) {
  player.clear();
  controls.begin(state);
  talkers.enabled = false;
  head();
  captions.begin();
  conversation.begin(talkers.between ?? columns().targets);
  const bySentence = !controls.simultaneous;
  const again = () => {
    if (bySentence) controls.forSample();
    return run(state, open);
  };
  const mine = new TranslationSession(model.id, sessionSettings(choice()), {
    onEvent: (event) => {
      if (event.type === "error") controls.problem(event.error.message);
      conversation.take(event);
    },
    onEnd: (problem, { keyRefused, lost }) => {
      if (session !== mine) return;
      finish(problem, lost ? again : null);
      if (keyRefused) askAgain();
    },
  });
  session = mine;
  try {
    await player.resume();
    const onPart = (pcm, peak) => {
      conversation.heard(pcm);
      mine.append(pcm);
      controls.level(peak, conversation.durationMs);
    };
    const opened = await open(onPart, mine);
    if (mine.isClosing) opened.close();
    else feed = opened;
  } catch (error) {
    mine.abandon();
    if (session === mine) finish(error.message, error.status === 0 ? again : null); // 0: the server did not answer
  }
}

/** The session has ended. `again()` opens another one like it. */
function finish(problem, again = null) {
  feed?.close();
  player.stopOriginal();
  session = feed = null;
  conversation.end();
  talkers.enabled = true;
  const settings = sessionSettings(choice());
  controls.end(problem, again);
  takeHome.show(model.id, settings);
}

/** The secret of this tab has expired: asks for another one. */
async function askAgain() {
  try {
    await getJsonWithKey("v1/models");
    controls.problem("");
  } catch (error) {
    controls.problem(error.message);
  }
}

/** Plays something again. */
async function play(pcm) {
  await player.resume();
  player.clear();
  player.enqueue(pcm);
}

/** Nothing more is said; what was said is still translated. The second time: that is not waited for. */
function stop() {
  if (session.isClosing) {
    session.abandon();
    finish("");
    return;
  }
  feed?.close();
  player.stopOriginal();
  session.close();
  controls.finishing();
}

function speak() {
  return run("Listening … Headphones keep the translation out of the microphone.", (onPart, mine) => {
    const onGone = (problem) => {
      if (mine.isClosing) return;
      stop();
      controls.problem(problem);
    };
    return Microphone.open(onPart, onGone);
  });
}

/** Plays a recording to the session. `read()` resolves to its bytes; who connects again reads them again. */
function playClip(name, read) {
  return run(`Playing ${name} …`, async (onPart, mine) => {
    const floats = await decodeClip(await read());
    if (!mine.isClosing) {
      conversation.recorded();
      player.playOriginal(floats);
      controls.offerHurry();
    }
    return new ClipFeed(floats, { onPart, onEnd: () => mine.isClosing || stop(), backlogBytes: () => mine.backlogBytes });
  });
}

function hurry() {
  conversation.hurried();
  player.stopOriginal();
  feed.hurry();
}

function update() {
  if (!session || session.isClosing) return; // it holds for the next session
  session.update(sessionSettings(choice()));
  conversation.targets = columns().targets;
  head();
}

conversation.addEventListener("change", ({ detail: { utterance } }) => {
  document.body.classList.add("talked");
  captions.show(utterance, columns());
  panes.show(utterance);
});
conversation.addEventListener("final", ({ detail: { utterance, text } }) => {
  const announced = talkers.between ? text !== utterance.said : text.language === (picker.heard ?? picker.targets[0]);
  if (announced) controls.announce(text);
});
conversation.addEventListener("speech", ({ detail: { language, pcm } }) => {
  if (talkers.between || language === picker.heard) player.enqueue(pcm);
});

async function start() {
  const [{ data: models }, status] = [await getJsonWithKey("v1/models"), await getJsonWithKey("status.json")];
  model = models[0];
  const names = new LanguageNames(model.languages);
  picker = new LanguagePicker(model.languages, names, status.limits.max_targets);
  picker.addEventListener("change", update);
  picker.addEventListener("hear", () => player.clear());
  talkers = new TalkersPicker(model.languages);
  panes = new Panes(names);
  panes.head(talkers.between);
  talkers.addEventListener("change", () => panes.head(talkers.between));
  const inspector = new Inspector(names, play);
  captions = new Captions(names, (utterance, panel) => inspector.show(utterance, panel));
  takeHome = new TakeHome(conversation, names);
  controls.ready(model, status.model, { speak, stop, hurry, playFile: (file) => playClip(file.name, () => file.arrayBuffer()) });
  await showSamples(model.languages, (sample) => {
    if (talkers.between && !talkers.between.includes(sample.language)) talkers.alone();
    picker.speak(sample.language);
    controls.forSample();
    playClip("the recording", () => sampleData(sample));
  });
}

start().catch((error) => controls.end(error.message));
