/** How much of the product is open to the account. */
export type Access = "full" | "free" | "none";

/**
 * Origin of an entitlement: this call asked `kulanz`; an answer in the `cache`, younger than `ttl`; the `last_known`
 * one, because Kulanz cannot be asked now; or invented, because the caller chose `open` or `closed`.
 */
export type Source = "kulanz" | "cache" | "last_known" | "open" | "closed";

/**
 * Answer of a call while Kulanz cannot be asked. `last_known` (default): what was known last; UnavailableError where
 * nothing is. `open`: every plan check passes; an attacker who can cut Kulanz off has the paid product. `closed`: the free
 * plan, though the account may have paid.
 */
export type OnFailure = "last_known" | "open" | "closed";

/** A sentence that the product shows to the customer; `text` is plain text, escape it. */
export interface Notice {
  readonly severity: string;
  readonly text: string;
  readonly deadline: Date | null;
  readonly link: string | null;
  readonly who: string | null;
}

/** What an account may use. */
export interface Entitlement {
  readonly accountId: string;
  readonly plan: string;
  readonly access: Access;
  readonly allows: readonly string[];
  readonly addOns: readonly string[];
  readonly quantities: Readonly<Record<string, number>>;
  /** Grows with every change of the account's entitlement; 0 where Kulanz has never heard of the account. */
  readonly version: number;
  /** False: Kulanz has never heard of the account, or could not be asked (`open`, `closed`). */
  readonly known: boolean;
  readonly notice: Notice | null;
  readonly source: Source;
  /** Milliseconds since Kulanz said so. */
  readonly age: number;
}

/** The callbacks that there are today. A later version may send others. */
export type CallbackType =
  | "account.grace_started"
  | "account.grace_reminder"
  | "account.grace_warning"
  | "account.dunning_level"
  | "account.recovered"
  | "account.downgraded"
  | "account.dispute_opened"
  | "account.suspended"
  | "account.reinstated"
  | "account.entitlement_changed"
  | "account.data_deletion_due"
  | "account.closed"
  | "refund.decided"
  | "collections.handed_over"
  | "collections.recalled"
  | "collections.reported"
  | "mandate.revoked"
  | "letter.requested"
  | "notice.due"
  | "ops.alert";

/** One verified callback. */
export interface Callback {
  /** The same on every attempt: a handler that must act once only remembers it. */
  readonly id: string;
  readonly type: CallbackType | (string & {});
  /** Time of the decision. Order callbacks by `entitlement.version`, not by this. */
  readonly timestamp: Date | null;
  readonly accountId: string | null;
  readonly entitlement: Entitlement | null;
  readonly rule: string;
  readonly clause: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** True where this client already knows a later version of the account's entitlement. */
  readonly stale: boolean;
}

export type Count =
  | "asked"
  | "not_modified"
  | "cached"
  | "unknown"
  | "failed"
  | "last_known"
  | "open"
  | "closed"
  | "unavailable"
  | "misconfigured"
  | "callback"
  | "callback_stale"
  | "callback_refused";

/** Times are in milliseconds. */
export interface Options {
  /** Address that `kulanz up` prints, without `/v1`. */
  url: string;
  /** One of API_TOKENS, without its name. Never give it to a browser. */
  token: string;
  callbackSecret?: string | readonly string[];
  /** Paid plans from the lowest to the highest; without them a plan covers itself only. */
  plans?: readonly string[];
  /** Language of notices, such as `de` or `de-AT, en;q=0.5`; without it each is in its account's own. */
  language?: string;
  ttl?: number;
  keep?: number;
  timeout?: number;
  pause?: number;
  /** Largest number of accounts in the cache. */
  size?: number;
  fetch?: typeof globalThis.fetch;
  /** Milliseconds of a clock that never goes back. */
  clock?: () => number;
  /** Called with a sentence when an outage begins and when it ends. */
  warn?: (message: string) => void;
}

/** Make one for each process or isolate and share it. */
export class Client {
  constructor(options: Options);
  /** A copy of the counters since the client was made. */
  get counts(): Record<Count, number>;
  /** Return what an account may use; rejects with UnavailableError, ConfigurationError or RangeError. */
  entitlement(accountId: string, options?: { onFailure?: OnFailure; refresh?: boolean }): Promise<Entitlement>;
  /** Whether an entitlement is for this plan or a higher one, and nothing has taken the access. */
  covers(entitlement: Entitlement, plan: string): boolean;
  /** Throw RangeError for a plan that no account can have here. */
  checkPlan(plan: string): void;
  /** Verify a callback and update the cache; `body` is the request's body as it came, byte for byte. */
  receive(
    body: string | ArrayBuffer | Uint8Array,
    headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  ): Promise<Callback>;
}

/** Whether an act such as `export` is possible: always with access, else where `allows` names it. */
export function may(entitlement: Entitlement, act: string): boolean;

export class KulanzClientError extends Error {}
/** Address, token or secret is wrong: a person has to correct it. */
export class ConfigurationError extends KulanzClientError {}
/** No usable answer and nothing known: answer 503. */
export class UnavailableError extends KulanzClientError {
  constructor(message: string, retryAfter: number, options?: ErrorOptions);
  /** Milliseconds. */
  readonly retryAfter: number;
}
/** Not signed, too old or too new, or unreadable: answer 401. */
export class CallbackError extends KulanzClientError {}
