/** The settings as the README shows them, made from the table in the code. */

import { type Definition, settingTable } from '../../../src/settings/table.ts';

export const settingsBegin = '<!-- settings: begin, made from src/settings/table.ts -->';
export const settingsEnd = '<!-- settings: end -->';

/** A Markdown table with a row per setting, ending in a line break. */
export function renderSettingsTable(): string {
  const rows = Object.values<Definition<unknown>>(settingTable).map((setting) => [
    `\`${setting.name}\`${setting.secret ? ` or \`${setting.name}_FILE\`` : ''}`,
    setting.default === null ? '–' : `\`${setting.default.replaceAll(',', ', ')}\``,
    setting.meaning.replaceAll('|', '\\|'),
  ]);
  const lines = [['Name', 'Default', 'Meaning'], ['---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
