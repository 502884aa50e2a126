// Client of one Kulanz instance: entitlements, plan checks and callbacks.

import { Cache } from "./cache.js";
import { Verifier } from "./callbacks.js";
import { FREE, invented } from "./entitlement.js";
import { CallbackError, ConfigurationError, UnavailableError } from "./errors.js";
import { Transport } from "./transport.js";

const ACCOUNT_ID = /^(?!\.{1,2}$)[A-Za-z0-9._:@|+-]{1,128}$/;
const MODES = ["last_known", "open", "closed"];
const UNLISTED = 1;
const SECOND = 1000;
const DEFAULTS = {
  callbackSecret: [],
  plans: [],
  ttl: 30 * SECOND,
  keep: 7 * 24 * 3600 * SECOND,
  timeout: 2 * SECOND,
  pause: 5 * SECOND,
  size: 10_000,
  fetch: (...request) => globalThis.fetch(...request),
  clock: () => performance.now(),
  warn: (message) => console.warn(message),
};
const COUNTS = [
  ...["asked", "not_modified", "cached", "unknown", "failed", "last_known", "open", "closed", "unavailable"],
  ...["misconfigured", "callback", "callback_stale", "callback_refused"],
];

export class Client {
  #transport;
  #verifier;
  #cache;
  #ranks;
  #options;
  #inFlight = new Map();
  #counts = Object.fromEntries(COUNTS.map((name) => [name, 0]));
  #failing = false;
  #askAgainAt = -Infinity;

  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    const { callbackSecret, plans, size } = this.#options;
    this.#transport = new Transport(this.#options);
    this.#verifier = new Verifier([callbackSecret].flat().filter(Boolean));
    this.#cache = new Cache(size);
    this.#ranks = new Map([[FREE, 0], ...plans.map((plan, index) => [plan, index + UNLISTED + 1])]);
  }

  get counts() {
    return { ...this.#counts };
  }

  async entitlement(accountId, { onFailure = "last_known", refresh = false } = {}) {
    if (!ACCOUNT_ID.test(accountId)) {
      throw new RangeError("an account id has 1 to 128 of the characters A-Z a-z 0-9 . _ : @ | + -");
    }
    if (!MODES.includes(onFailure)) throw new RangeError(`onFailure is one of ${MODES.join(", ")}`);
    const entry = this.#cache.get(accountId);
    if (entry?.fresh && !refresh && this.#age(entry) < this.#options.ttl) {
      this.#counts.cached += 1;
      return this.#shown(entry, "cache");
    }
    try {
      return this.#shown(await this.#askedOnce(accountId), "kulanz");
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      return this.#inPlaceOfAnAnswer(accountId, onFailure, error);
    }
  }

  covers(entitlement, plan) {
    this.checkPlan(plan);
    if (entitlement.source === "open") return true;
    if (entitlement.access === "none") return false;
    return entitlement.plan === plan || this.#rank(entitlement.plan) > this.#rank(plan);
  }

  checkPlan(plan) {
    if (plan !== plan.toLowerCase() || (this.#ranks.size > 1 && !this.#ranks.has(plan))) {
      throw new RangeError(`there is no plan "${plan}" among ${[...this.#ranks.keys()].join(", ")}`);
    }
  }

  async receive(body, headers) {
    let callback;
    try {
      callback = await this.#verifier.read(body, headers, Date.now() / SECOND);
    } catch (error) {
      if (error instanceof CallbackError) this.#counts.callback_refused += 1;
      throw error;
    }
    const { entitlement } = callback;
    const entry = { entitlement, etag: null, at: this.#options.clock(), fresh: true };
    const stale = entitlement !== null && !this.#cache.calledBack(entitlement.accountId, entry);
    this.#counts[stale ? "callback_stale" : "callback"] += 1;
    return { ...callback, stale };
  }

  // An unlisted plan stands just above `free`; without a list all are of one rank.
  #rank(plan) {
    return this.#ranks.get(plan) ?? UNLISTED;
  }

  // Callers who want the same account at the same time share one question.
  #askedOnce(accountId) {
    if (!this.#inFlight.has(accountId)) {
      const flight = this.#ask(accountId).finally(() => this.#inFlight.delete(accountId));
      this.#inFlight.set(accountId, flight);
    }
    return this.#inFlight.get(accountId);
  }

  async #ask(accountId) {
    this.#refuseDuringAPause();
    const before = this.#cache.get(accountId);
    let entry;
    try {
      entry = await this.#transport.entitlement(accountId, before, this.#options.clock());
    } catch (error) {
      if (error instanceof UnavailableError) this.#failed(error);
      else this.#recovered();
      if (error instanceof ConfigurationError) this.#counts.misconfigured += 1;
      throw error;
    }
    this.#recovered();
    this.#counts.asked += 1;
    if (entry.entitlement === before?.entitlement) this.#counts.not_modified += 1;
    if (!entry.entitlement.known) this.#counts.unknown += 1;
    return this.#cache.answered(accountId, before, entry);
  }

  // Circuit breaker: fails at once during the pause; after it, one caller tries for all.
  #refuseDuringAPause() {
    const now = this.#options.clock();
    if (now < this.#askAgainAt) {
      throw new UnavailableError("Kulanz did not answer a moment ago", this.#askAgainAt - now);
    }
    if (this.#failing) this.#askAgainAt = now + this.#options.pause;
  }

  #failed(error) {
    this.#counts.failed += 1;
    if (!error.retryAfter) return;
    if (!this.#failing) this.#options.warn(`kulanz cannot be asked: ${error.message}`);
    this.#failing = true;
    this.#askAgainAt = this.#options.clock() + error.retryAfter;
  }

  #recovered() {
    if (this.#failing) this.#options.warn("kulanz answers again");
    this.#failing = false;
    this.#askAgainAt = -Infinity;
  }

  #inPlaceOfAnAnswer(accountId, onFailure, error) {
    if (onFailure !== "last_known") {
      this.#counts[onFailure] += 1;
      return invented(accountId, onFailure);
    }
    const entry = this.#cache.get(accountId);
    if (!entry || this.#age(entry) > this.#options.keep) {
      this.#counts.unavailable += 1;
      throw error;
    }
    this.#counts.last_known += 1;
    return this.#shown(entry, "last_known");
  }

  #age(entry) {
    return Math.max(this.#options.clock() - entry.at, 0);
  }

  #shown(entry, source) {
    return Object.freeze({ ...entry.entitlement, source, age: this.#age(entry) });
  }
}
