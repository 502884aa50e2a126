// One question to Kulanz over HTTP, and what kind of answer came back.

import { read, unknown } from "./entitlement.js";
import { ConfigurationError, UnavailableError } from "./errors.js";

const LONGEST_PAUSE = 60_000;
const TRANSIENT = new Set([408, 425, 429]);

export class Transport {
  #base;
  #token;
  #timeout;
  #pause;
  #fetch;
  #language;
  #proven = false; // Becomes true with the first answer that only Kulanz gives.

  constructor({ url, token, timeout, pause, fetch, language }) {
    this.#base = address(url);
    this.#token = checked(token);
    this.#timeout = timeout;
    this.#pause = pause;
    this.#fetch = fetch;
    this.#language = language ? { "Accept-Language": language } : {};
  }

  /**
   * Ask for an entitlement; where it has not changed, the answer is that of `before`. An unexpected answer (a redirect,
   * a page of HTML) means a wrong address where no answer of Kulanz ever came from there, else an outage such as a
   * proxy's page.
   */
  async entitlement(accountId, before, now) {
    const headers = before?.etag ? { "If-None-Match": before.etag } : {};
    const answer = await this.#get(`/v1/accounts/${encodeURIComponent(accountId)}/entitlement`, headers);
    if (answer.status === 304 && before?.etag) return { ...before, at: now, fresh: true };
    if (answer.status === 200) {
      return { entitlement: this.#read(answer, accountId), etag: answer.headers.get("ETag"), at: now, fresh: true };
    }
    if (answer.status === 404 && isProblem(answer) && (await this.#isKulanz())) {
      return { entitlement: unknown(accountId), etag: null, at: now, fresh: true };
    }
    throw this.#failure(answer);
  }

  #read(answer, accountId) {
    try {
      const found = read(JSON.parse(answer.text), accountId);
      this.#proven = true;
      return found;
    } catch (error) {
      throw this.#unexpected(`an answer that is no entitlement (${error.message})`);
    }
  }

  // A 404 for a wrong path would turn every payer into an unknown account.
  async #isKulanz() {
    if (!this.#proven) {
      const answer = await this.#get("/v1/openapi.json", {});
      if (answer.status !== 200 && answer.status !== 404) throw this.#failure(answer);
      this.#proven = answer.status === 200;
    }
    return this.#proven;
  }

  #failure({ status, headers }) {
    if (status === 401 || status === 403) {
      const hint = "in API_TOKENS the token is what follows `name:`";
      return new ConfigurationError(`${this.#base} refuses the token (${status}); ${hint}`);
    }
    if (status === 500) return new UnavailableError(`${this.#base} answered 500`, 0);
    if (status > 500 || TRANSIENT.has(status)) {
      return new UnavailableError(`${this.#base} answered ${status}`, retryAfter(headers, this.#pause));
    }
    return this.#unexpected(status);
  }

  #unexpected(answer) {
    if (this.#proven) return new UnavailableError(`${this.#base} answered ${answer}`, this.#pause);
    return new ConfigurationError(`${this.#base} answered ${answer}: is this the address of Kulanz?`);
  }

  async #get(path, headers) {
    try {
      return await this.#sent(path, headers);
    } catch (error) {
      if (error.name === "TimeoutError") throw this.#silence(error);
    }
    try {
      return await this.#sent(path, headers); // Also after a kept connection that the server closed at that moment.
    } catch (error) {
      throw this.#silence(error);
    }
  }

  async #sent(path, headers) {
    const response = await this.#fetch(this.#base + path, {
      headers: { Accept: "application/json", Authorization: `Bearer ${this.#token}`, ...this.#language, ...headers },
      redirect: "manual",
      signal: AbortSignal.timeout(this.#timeout),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  #silence(error) {
    return new UnavailableError(`${this.#base} gave no answer: ${error.name}`, this.#pause, { cause: error });
  }
}

function address(url) {
  let parts;
  try {
    parts = new URL(url);
  } catch {
    parts = {};
  }
  const { protocol, username, search, hash } = parts;
  if (!["http:", "https:"].includes(protocol) || username || search || hash) {
    throw new ConfigurationError("url must be http(s)://host[:port], the address that `kulanz up` prints, without /v1");
  }
  return url.replace(/\/+$/, "").replace(/\/v1$/, "");
}

function checked(token) {
  const trimmed = typeof token === "string" ? token.trim() : "";
  if (!/^[\x20-\x7e]+$/.test(trimmed)) {
    throw new ConfigurationError("token must be one of API_TOKENS: printable ASCII, not empty");
  }
  return trimmed;
}

function isProblem({ headers }) {
  return (headers.get("Content-Type") ?? "").startsWith("application/problem+json");
}

// The pause that `Retry-After` asks for in seconds, at least our own and at most a minute.
function retryAfter(headers, pause) {
  const asked = headers.get("Retry-After") ?? "";
  return /^\d+$/.test(asked) ? Math.min(Math.max(Number(asked) * 1000, pause), LONGEST_PAUSE) : pause;
}
