/** Secrets: their names, and the bound of their values. */

/** The pattern of a name, for JSON Schema. */
export const secretNamePattern = '^[A-Za-z_][A-Za-z0-9_]{0,127}$';

/** In bytes of UTF-8: as much as the headers of a call may take together. */
export const largestSecret = 16 * 1024;
