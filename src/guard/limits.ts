// What an alert keeps at most when it is stored.
export const MAX_OBJECTS = 100;
export const MAX_TAGS = 200;
export const MAX_TEXT = 2000;
