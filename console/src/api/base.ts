/** Where the console and the API lie: below the same path prefix, which the address of this script tells. */

/** The path of the console without a slash at its end, such as `/console`. */
export const consolePath = new URL(/* @vite-ignore */ '..', import.meta.url).pathname.replace(/\/$/, '');

/** The path prefix of the API, empty where there is none. */
export const apiPath = consolePath.replace(/\/console$/, '');
