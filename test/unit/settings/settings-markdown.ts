/** The settings as the README shows them, made from the table in the code. */

import type { Definition } from '../../../src/settings/definition.ts';
import { settingTable } from '../../../src/settings/table.ts';

export const settingsBegin = '<!-- settings: begin, made from src/settings/table.ts -->';
export const settingsEnd = '<!-- settings: end -->';

/** A Markdown table with a row per setting, ending in a line break. */
export function renderSettingsTable(): string {
  const rows = Object.values<Definition>(settingTable).map((setting) => [
    `\`${setting.env}\`${setting.secret ? ` or \`${setting.env}_FILE\`` : ''}`,
    setting.default === undefined ? '–' : `\`${`${setting.default}`.replaceAll(',', ', ')}\``,
    setting.description.replaceAll('|', '\\|'),
  ]);
  const lines = [['Name', 'Default', 'Meaning'], ['---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
