// Cache of entitlements in this process or isolate: bounded, ordered by version.
// An entry is {entitlement, etag, at, fresh}; one that is not fresh is good enough as last known only.

export class Cache {
  #size;
  #entries = new Map();

  constructor(size) {
    this.#size = size;
  }

  get(accountId) {
    const entry = this.#entries.get(accountId);
    if (entry) this.#put(accountId, entry);
    return entry;
  }

  /**
   * Keep an answer and return what counts now. The answer counts with an earlier version too, so that a restored database
   * is believed. The exception is a callback that arrived between question and answer with a later version.
   */
  answered(accountId, before, entry) {
    const current = this.#entries.get(accountId);
    if (current && current !== before && isLater(current.entitlement, entry.entitlement)) return current;
    this.#put(accountId, entry);
    return entry;
  }

  /**
   * Keep what a callback says where its version is later than the entry's; return false where it is stale. Without an
   * entry the callback may be a late one, tried again for days: it is kept as last known, not as fresh.
   */
  calledBack(accountId, entry) {
    const current = this.#entries.get(accountId);
    if (!current) this.#put(accountId, { ...entry, fresh: false });
    else if (isLater(entry.entitlement, current.entitlement)) this.#put(accountId, entry);
    else return current.entitlement.version === entry.entitlement.version;
    return true;
  }

  #put(accountId, entry) {
    this.#entries.delete(accountId);
    this.#entries.set(accountId, entry);
    if (this.#entries.size > this.#size) this.#entries.delete(this.#entries.keys().next().value);
  }
}

// Versions of two accounts (an id that moved to another account) are not compared.
function isLater(one, other) {
  return one.accountId === other.accountId && one.version > other.version;
}
