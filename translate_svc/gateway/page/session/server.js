/** The server that this page came from: its addresses, its endpoints and the key that it may ask for. */

const KEY_NAME = "translate-svc API key";
const BASE = new URL("../../", import.meta.url);

/** The key or client secret of this tab; empty if there is none. The browser forgets it when the tab is closed. */
export function apiKey() {
  return sessionStorage.getItem(KEY_NAME) ?? "";
}

/** Uses this key or client secret from now on. */
export function useApiKey(key) {
  sessionStorage.setItem(KEY_NAME, key);
}

/** An answer that is not the wanted one. */
export class Refusal extends Error {
  /** `status`: of HTTP; 0 if the server did not answer. */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The URL of an endpoint, such as `v1/models`. */
export function httpUrl(path) {
  return new URL(path, BASE);
}

/** The URL of a WebSocket of the same server. */
export function socketUrl(path) {
  const url = httpUrl(path);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

/** Opens a WebSocket, with the key if there is one. */
export function openSocket(path) {
  const key = apiKey();
  const protocols = key ? ["realtime", `openai-insecure-api-key.${key}`] : ["realtime"];
  return new WebSocket(socketUrl(path), protocols);
}

/** The JSON of an endpoint. Rejects with a Refusal. */
export async function getJson(path) {
  const key = apiKey();
  let response;
  try {
    response = await fetch(httpUrl(path), { headers: key ? { authorization: `Bearer ${key}` } : {} });
  } catch {
    throw new Refusal("The server does not answer.", 0);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(body.error?.message ?? response.statusText, response.status);
  return body;
}
