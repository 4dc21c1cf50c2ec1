/** The buttons of the page and what they say: speak, stop, files, state and problems. */

import { byId, html, seconds } from "./element.js";

export class Controls {
  #busy = false;
  #modeChosen = false; // by the person

  /** The model is known. `actions`: speak, stop, hurry, playFile(file). */
  ready(model, info, actions) {
    const languages = model.languages.length;
    byId("model").textContent = `${model.id}, ${languages} languages`;
    byId("notice").replaceChildren(html("strong", {}, model.id), `: ${info.notice}`);
    byId("notice").hidden = !info.notice;
    byId("mode-field").hidden = byId("drafts-field").hidden = !model.simultaneous;
    byId("languages").disabled = byId("speak").disabled = byId("choose").disabled = false;
    byId("mode").onchange = () => (this.#modeChosen = true);
    byId("speak").onclick = actions.speak;
    byId("stop").onclick = actions.stop;
    byId("hurry").onclick = () => {
      byId("hurry").hidden = true;
      actions.hurry();
    };
    this.#takeFiles(actions.playFile);
  }

  /** Whether words should come while somebody speaks. */
  get simultaneous() {
    return byId("mode").value === "live";
  }

  /** A sample is about to play. It is known whole: unless the person chose, sentence by sentence, which is exact. */
  forSample() {
    if (!this.#modeChosen) byId("mode").value = "sentence";
  }

  /** A session begins. */
  begin(state) {
    this.#setBusy(true);
    byId("again").hidden = true;
    byId("state").textContent = state;
    this.problem("");
    byId("hurry").hidden = true;
    byId("stop").querySelector("span").textContent = "Stop";
    byId("stop").focus({ preventScroll: true });
  }

  /** The rest of the recording can be sent at once. */
  offerHurry() {
    byId("hurry").hidden = false;
  }

  /** Audio was sent: its peak, 0 to 1, and how much there was in all. */
  level(peak, totalMs) {
    byId("meter").style.setProperty("--level", Math.min(1, Math.sqrt(peak)).toFixed(3));
    byId("meter").title = seconds(totalMs);
  }

  /** The last results are awaited. */
  finishing() {
    byId("hurry").hidden = byId("meter").hidden = true;
    byId("stop").querySelector("span").textContent = "Skip the rest";
    byId("state").textContent = "Finishing …";
  }

  /**
   * The session has ended. `problem`: why it failed, or an empty text. `again()`, if there is one, is offered as
   * "Connect again".
   */
  end(problem, again = null) {
    this.#setBusy(false, problem);
    if (!this.#modeChosen) byId("mode").value = "live";
    byId("state").textContent = "";
    if (problem) this.problem(problem);
    byId("again").hidden = !again;
    byId("again").onclick = again;
  }

  /** Something went wrong; an empty text: nothing. */
  problem(message) {
    byId("problem").textContent = message;
    byId("problem").hidden = !message;
  }

  /** Tells a screen reader a finished text, in its language. */
  announce({ language, text }) {
    const line = document.createElement("p");
    line.lang = language;
    line.textContent = text;
    byId("announcer").replaceChildren(line);
  }

  #setBusy(busy, problem = "") {
    const hadFocus = byId("stop") === document.activeElement;
    this.#busy = busy;
    document.body.classList.toggle("busy", busy);
    byId("speak").hidden = byId("choose").hidden = busy;
    byId("stop").hidden = byId("meter").hidden = !busy;
    byId("hurry").hidden = true;
    byId("mode").disabled = busy;
    for (const button of byId("samples").querySelectorAll("button")) button.disabled = busy;
    // who reads at the end stays there; a problem is told beside the button
    if (hadFocus && !busy) byId("speak").focus({ preventScroll: !problem });
  }

  #takeFiles(playFile) {
    const input = byId("file");
    byId("choose").onclick = () => input.click();
    input.onchange = () => {
      if (input.files.length) playFile(input.files[0]);
      input.value = "";
    };
    const offer = (event) => {
      if (this.#busy || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      byId("drop").hidden = event.type !== "dragover";
    };
    addEventListener("dragover", offer);
    addEventListener("dragleave", (event) => event.relatedTarget || offer(event));
    addEventListener("drop", (event) => {
      offer(event);
      if (!this.#busy && event.dataTransfer?.files.length) playFile(event.dataTransfer.files[0]);
    });
  }
}
