export { Client } from "./client.js";
export { CallbackError, ConfigurationError, KulanzClientError, UnavailableError } from "./errors.js";
export { may } from "./entitlement.js";
