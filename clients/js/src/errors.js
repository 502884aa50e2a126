/** Root of all errors that this package throws on purpose. */
export class KulanzClientError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The address, token or secret is wrong: a person has to correct it, a retry does not help. */
export class ConfigurationError extends KulanzClientError {}

/** Kulanz gave no usable answer and nothing is known of the account: answer 503, and try again later. */
export class UnavailableError extends KulanzClientError {
  /** @param {number} retryAfter Milliseconds; 0: at once, since the failure may concern this account only. */
  constructor(message, retryAfter, options) {
    super(message, options);
    this.retryAfter = retryAfter;
  }
}

/** The callback is not signed with the secret, is too old or too new, or cannot be read: answer 401. */
export class CallbackError extends KulanzClientError {}
