/**
 * `jailyard completion bash|zsh|fish`: a script that a shell reads to complete commands and options.
 * It is made of the commands themselves and the manual pages, and holds all words: completing starts
 * no Node.
 */
import { TOOLS } from "@jailyard/tools/names";
import { optionWords } from "@jailyard/tools/page";
import { Argument, type Command } from "commander";
import { print } from "./terminal.ts";
import { pageOf } from "./tool.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const EXAMPLES = `
Examples:
  $ source <(jailyard completion bash)       now; or put this line into ~/.bashrc
  $ source <(jailyard completion zsh)        after compinit; or into ~/.zshrc
  $ jailyard completion fish > ~/.config/fish/completions/jailyard.fish`;

/** `all`: a parser that has every command. */
export function addCompletion(
  program: Command,
  run: (status: number) => void,
  all: () => Promise<Command>,
): void {
  program
    .command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action(async (shell: Shell) => {
      print(SCRIPTS[shell](await wordsOf(await all())).trimEnd());
      run(0);
    });
}

interface Words {
  readonly command: string;
  readonly about: string;
  readonly options: readonly string[];
}

/** Every command with its options. */
async function wordsOf(program: Command): Promise<Words[]> {
  const words: Words[] = [];
  for (const command of program.commands) {
    const tool = TOOLS.find((name) => name === command.name());
    const options = tool === undefined ? ownOptions(command) : optionWords(await pageOf(tool));
    words.push({ command: command.name(), about: command.description(), options });
  }
  return words.sort((a, b) => (a.command < b.command ? -1 : 1));
}

const ownOptions = (command: Command): string[] => [
  ...command.options
    .flatMap(({ short, long }) => [short, long])
    .filter((word) => word !== undefined),
  ...command.commands.map((sub) => sub.name()),
  "--help",
];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(all: readonly Words[]): string {
  const cases = all.map(
    ({ command, options }) => `    ${command}) words=${quoted(options.join(" "))} ;;`,
  );
  return `# jailyard(1) for bash
_jailyard() {
  local cur=\${COMP_WORDS[COMP_CWORD]} words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(all.map(({ command }) => command).join(" "))} -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
    *) words= ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _jailyard jailyard
`;
}

function zsh(all: readonly Words[]): string {
  const commands = all.map(({ command, about }) => `    ${quoted(`${command}:${about}`)}`);
  const cases = all.map(
    ({ command, options }) => `    ${command}) words=(${options.map(quoted).join(" ")}) ;;`,
  );
  return `#compdef jailyard
# jailyard(1) for zsh
_jailyard() {
  local -a commands words_
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join("\n").replaceAll("words=(", "words_=(")}
  esac
  compadd -- $words_
  _files
}
compdef _jailyard jailyard
`;
}

function fish(all: readonly Words[]): string {
  const lines = ["# jailyard(1) for fish"];
  for (const { command, about, options } of all) {
    lines.push(`complete -c jailyard -n __fish_use_subcommand -a ${command} -d ${quoted(about)}`);
    for (const option of options)
      lines.push(
        `complete -c jailyard -n ${quoted(`__fish_seen_subcommand_from ${command}`)} ${fishWord(option)}`,
      );
  }
  return lines.join("\n");
}

function fishWord(word: string): string {
  if (word.startsWith("--")) return `-l ${word.slice(2)}`;
  return word.startsWith("-") ? `-o ${word.slice(1)}` : `-a ${word}`;
}

const SCRIPTS: Readonly<Record<Shell, (all: readonly Words[]) => string>> = { bash, zsh, fish };
