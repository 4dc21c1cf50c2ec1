/** Asks for an API key or a client secret where the server wants one. */

import { clientSecret, getJson, useCredential } from "../session/server.js";
import { html } from "./element.js";

const UNKNOWN = "The server does not know that key, or it has expired.";

/** As `getJson`, but asks the person for a key as long as the server wants another one. */
export async function getJsonWithKey(path) {
  for (;;) {
    try {
      return await getJson(path);
    } catch (error) {
      if (error.status !== 401) throw error;
      await askUntilTaken(clientSecret() ? UNKNOWN : "");
    }
  }
}

async function askUntilTaken(problem) {
  for (;;) {
    try {
      return await useCredential(await ask(problem));
    } catch (error) {
      problem = error.status === 401 ? UNKNOWN : error.message;
    }
  }
}

function ask(problem) {
  const input = html("input", { type: "password", autocomplete: "off", required: true });
  const form = html("form", {},
    html("h2", { id: "key-title" }, "This server asks for a key"),
    html("p", {},
      "Its operator has an API key or a client secret for you. A key is not kept: for two hours, this tab gets a secret for it."),
    html("label", { class: "field" }, html("span", {}, "API key or client secret"), input),
    html("p", { class: "problem", role: "alert" }, problem),
    html("button", { class: "primary", type: "submit" }, "Use this key"));
  const dialog = html("dialog", { "aria-labelledby": "key-title" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.oncancel = (event) => event.preventDefault(); // the page can do nothing without a key
    form.onsubmit = (event) => {
      event.preventDefault();
      dialog.remove();
      resolve(input.value.trim());
    };
  });
}
