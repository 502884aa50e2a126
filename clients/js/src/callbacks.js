// Callbacks of Kulanz, verified as Standard Webhooks asks: HMAC-SHA-256 over `id.timestamp.body`, by WebCrypto.

import { instant, isObject, read } from "./entitlement.js";
import { CallbackError, ConfigurationError } from "./errors.js";

const TOLERANCE_SECONDS = 300;
const PREFIX = "whsec_";

export class Verifier {
  #secrets;
  #keys;

  /** @param {string[]} secrets All are accepted: one, or the new and the old during a change. */
  constructor(secrets) {
    this.#secrets = secrets.map(secretBytes);
  }

  /** Verify and read a callback; `now` is in seconds since 1970. */
  async read(body, headers, now) {
    if (!this.#secrets.length) throw new ConfigurationError("callbacks cannot be verified without callbackSecret");
    const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => header(headers, `webhook-${name}`));
    if (!id || !timestamp || !signatures) throw refused("a webhook- header is missing");
    if (!/^\d{1,12}$/.test(timestamp)) throw refused("its timestamp is malformed");
    if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) throw refused("it is too old, too new, or a clock is wrong");
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
    if (!(await this.#isSigned(joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes), signatures))) {
      throw refused("no signature fits");
    }
    return callback(id, bytes);
  }

  async #isSigned(content, signatures) {
    const { subtle } = await webCrypto();
    this.#keys ??= Promise.all(
      this.#secrets.map((raw) => subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])),
    );
    for (const signature of signatures.split(" ")) {
      const bytes = signature.startsWith("v1,") ? base64(signature.slice(3)) : null;
      for (const key of bytes ? await this.#keys : []) {
        if (await subtle.verify("HMAC", key, bytes, content)) return true;
      }
    }
    return false;
  }
}

function callback(id, bytes) {
  let document;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refused("it is no JSON");
  }
  const { type, timestamp, data } = isObject(document) ? document : {};
  if (typeof type !== "string" || !isObject(data)) throw refused("it has no type or no data");
  const accountId = typeof data.account_id === "string" ? data.account_id : null;
  const reason = isObject(data.reason) ? data.reason : {};
  return {
    id,
    type,
    timestamp: instant(timestamp),
    accountId,
    entitlement: accountId !== null && "entitlement" in data ? entitlement(data.entitlement, accountId) : null,
    rule: typeof reason.rule === "string" ? reason.rule : "",
    clause: typeof reason.clause === "string" ? reason.clause : null,
    data,
    stale: false,
  };
}

function entitlement(document, accountId) {
  try {
    return read(document, accountId);
  } catch (error) {
    throw refused(`its entitlement cannot be read: ${error.message}`);
  }
}

function refused(reason) {
  return new CallbackError(`the callback is not accepted: ${reason}`);
}

// `headers` is a Headers object, or a plain one such as Node's `request.headers`.
function header(headers, name) {
  if (typeof headers.get === "function") return headers.get(name);
  const key = Object.keys(headers).find((given) => given.toLowerCase() === name);
  return key === undefined ? undefined : String(headers[key]);
}

function secretBytes(secret) {
  const trimmed = secret.trim();
  const bytes = base64(trimmed.startsWith(PREFIX) ? trimmed.slice(PREFIX.length) : trimmed);
  if (!bytes?.length) throw new ConfigurationError("the callback secret is no whsec_… secret in base64");
  return bytes;
}

function base64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(one, other) {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

// Node 18 has WebCrypto in a module only; the name is not written as a literal, so that bundlers leave it alone.
async function webCrypto() {
  const module = ["node", "crypto"].join(":");
  return globalThis.crypto?.subtle ? globalThis.crypto : (await import(module)).webcrypto;
}
