/** The server that this page came from: its addresses, its endpoints and the client secret that it may ask for. */

const SECRET_NAME = "translate-svc client secret";
const SECRET_PREFIX = "ek_";
const SECRET_LIFETIME_S = 7200; // the longest that the server gives
const BASE = new URL("../../", import.meta.url);

/** The client secret of this tab; empty if there is none. The browser forgets it when the tab is closed. */
export function clientSecret() {
  return sessionStorage.getItem(SECRET_NAME) ?? "";
}

/**
 * Uses this API key or client secret from now on. A key is exchanged for a secret at once and not kept: a secret opens
 * sessions alone, and expires. Rejects with a Refusal.
 */
export async function useCredential(entered) {
  let secret = entered;
  if (!entered.startsWith(SECRET_PREFIX)) {
    const body = { expires_after: { anchor: "created_at", seconds: SECRET_LIFETIME_S } };
    secret = (await request("v1/realtime/translations/client_secrets", entered, { method: "POST", body: JSON.stringify(body) })).value;
  }
  sessionStorage.setItem(SECRET_NAME, secret);
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

/** Opens a WebSocket, with the client secret if there is one. */
export function openSocket(path) {
  const secret = clientSecret();
  const protocols = secret ? ["realtime", `openai-insecure-api-key.${secret}`] : ["realtime"];
  return new WebSocket(socketUrl(path), protocols);
}

/** The JSON of an endpoint. Rejects with a Refusal. */
export async function getJson(path) {
  return request(path, clientSecret());
}

/** The bytes of a file that anybody may have. Rejects with a Refusal. */
export async function getBytes(path) {
  const response = await answer(path);
  if (!response.ok) throw new Refusal(response.statusText, response.status);
  return response.arrayBuffer();
}

/** Whether the server answers at all. A proxy's word that it does not is no answer. */
export async function isThere() {
  try {
    return (await fetch(httpUrl("status.json"))).status < 500;
  } catch {
    return false;
  }
}

async function request(path, credential, options = {}) {
  const response = await answer(path, { ...options, headers: credential ? { authorization: `Bearer ${credential}` } : {} });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(body.error?.message ?? response.statusText, response.status);
  return body;
}

async function answer(path, options = {}) {
  try {
    return await fetch(httpUrl(path), options);
  } catch {
    throw new Refusal("The server does not answer.", 0);
  }
}
