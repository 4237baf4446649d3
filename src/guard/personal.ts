// MISP types whose values are personal data or secrets (describeTypes): withheld unless a guard says `personal: true`.
const PERSONAL = new Set([
  "bank-account-nr",
  "bic",
  "cc-number",
  "cookie",
  "country-of-residence",
  "date-of-birth",
  "first-name",
  "frequent-flyer-number",
  "full-name",
  "gender",
  "iban",
  "identity-card-number",
  "last-name",
  "middle-name",
  "nationality",
  "passport-country",
  "passport-expiration",
  "passport-number",
  "passenger-name-record-locator-number",
  "payment-details",
  "pgp-private-key",
  "phone-number",
  "place-of-birth",
  "primary-residence",
  "prtn",
  "redress-number",
  "special-service-request",
  "travel-details",
  "visa-number",
]);

/** Tells whether values of a MISP attribute type are personal data or secrets. */
export function isPersonal(type: string | undefined): boolean {
  return type !== undefined && PERSONAL.has(type.toLowerCase());
}
