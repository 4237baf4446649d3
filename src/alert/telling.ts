import type { Entry, Payload } from "../model/payload.ts";
import { DIGEST_REMOVED, digestRows, isNamedInDigest } from "./digest.ts";
import { type Headline, headline } from "./headline.ts";
import { cutListing, listRows, NOTHING_LISTED, type RowListing } from "./rows.ts";
import type { Style } from "./style.ts";

/** What people are told of one entry: words and lists. Channels differ in how it looks, and in how much they have room for. */
export interface Telling {
  readonly words: Headline;
  readonly listing: RowListing;
}

/** All that a channel could say of the entries of a payload; of several each is shorter. */
export function tellAll(payload: Payload, style: Style): readonly Telling[] {
  const listings = listRows(payload, style);
  const isDigest = payload.entries.length > 1;
  return payload.entries.map((entry, index): Telling => {
    const words = headline(entry, style);
    // A template's words stand in place of all of it.
    const listing = words.body ? NOTHING_LISTED : (listings[index] ?? NOTHING_LISTED);
    const isWhole = listing.rows.length > 0 && listing.more + listing.toldBefore === 0;
    const told = isDigest ? shorten(payload, entry, listing) : listing;
    const facts = words.facts.filter(({ id }) =>
      isDigest ? isNamedInDigest(id, entry) : id !== "attributes" || !isWhole,
    );
    return { words: { ...words, facts }, listing: told };
  });
}

/** The listing of an entry among others; where it lists nothing, the numbers stand among the facts already. */
function shorten(payload: Payload, entry: Entry, listing: RowListing): RowListing {
  const cut = cutListing(listing, { rows: digestRows(payload, entry), removed: DIGEST_REMOVED });
  return cut.rows.length > 0 ? cut : { ...cut, more: 0, moreTypes: [] };
}
