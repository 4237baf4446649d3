import type { Entry, Payload } from "../model/payload.ts";
import { describeMore } from "./counts.ts";
import { DIGEST_REMOVED, digestRows, isNamedInDigest, MAX_DIGEST } from "./digest.ts";
import { type Headline, headline } from "./headline.ts";
import { cutListing, listRows, NOTHING_LISTED, type RowListing } from "./rows.ts";
import type { Style } from "./style.ts";
import { formatCount } from "./text.ts";

/** What people are told of one entry: words and lists. Channels differ in how it looks, and in how much they have room for. */
export interface Telling {
  readonly words: Headline;
  readonly listing: RowListing;
  /** How many attributes are in no row, also where the listing does not say so; what a channel cuts is not among them. */
  readonly unlisted: number;
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
    const told = isDigest ? shorten(payload, entry, listing, index) : listing;
    const facts = words.facts.filter(({ id }) =>
      isDigest ? isNamedInDigest(id, entry) : id !== "attributes" || !isWhole,
    );
    // Where an entry among others lists nothing, the numbers stand among the facts already.
    const isSaid = isDigest && told.rows.length === 0;
    return {
      words: { ...words, facts },
      listing: isSaid ? { ...told, more: 0, moreTypes: [] } : told,
      unlisted: told.more,
    };
  });
}

/** The listing of an entry among others. */
function shorten(payload: Payload, entry: Entry, listing: RowListing, index: number): RowListing {
  const isShown = index < MAX_DIGEST;
  return cutListing(listing, { rows: isShown ? digestRows(payload, entry) : 0, removed: isShown ? DIGEST_REMOVED : 0 });
}

/** What people are not told of the attributes of a payload, in words. */
export function describeUnlisted(payload: Payload, style: Style): readonly string[] {
  const { entries, show } = payload;
  const told = tellAll(payload, style);
  const more = told.map(({ unlisted }) => unlisted);
  const gone = told.reduce((sum, { listing }) => sum + listing.moreRemoved, 0);
  return [
    ...describeMore(entries, more, `show: ${show}${entries.length > 1 ? ", and a digest lists few" : ""}`),
    ...(gone > 0 ? [`${formatCount(gone, "withdrawn attribute")} not listed`] : []),
  ];
}
