import type { Alert, AlertPage, Item } from "../model/alert.ts";

/** An alert in one row as its only page. */
export function onlyPage({ id, items, objects }: Alert): AlertPage {
  const used = new Set(items.map(({ objectKey }) => objectKey));
  return {
    alert: id,
    first: 0,
    items,
    loose: objects.filter(({ key }) => !used.has(key)),
    objects: objects.filter(({ key }) => used.has(key)),
  };
}

/** The alert with what of one page has these places. */
export function cutTo(alert: Alert, page: AlertPage, from: number, to: number): Alert {
  const { first, loose, objects } = page;
  const items: readonly Item[] = page.items.slice(Math.max(0, from - first), Math.max(0, to - first));
  const behind = first + page.items.length;
  const used = new Set(items.map(({ objectKey }) => objectKey));
  return {
    ...alert,
    items,
    objects: [
      ...objects.filter(({ key }) => used.has(key)),
      ...loose.slice(Math.max(0, from - behind), Math.max(0, to - behind)),
    ],
  };
}
