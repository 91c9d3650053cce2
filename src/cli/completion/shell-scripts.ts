/**
 * The scripts that make a shell ask `agent-collab __complete` at each TAB. They know nothing of the commands, so that an
 * update of the program needs no new script. None of them evaluates a word: what is typed, and what is offered, stays data.
 */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const bash = `# Completion of agent-collab for bash. To have it in every shell, put this line into ~/.bashrc:
#   source <(agent-collab completion bash)
_agent_collab() {
  local line what='' typed="\${COMP_LINE-}" IFS=' '
  typed="\${typed:0:\${COMP_POINT:-0}}"
  # The words as bash cut them are only for a caller that has no line.
  [ -n "$typed" ] || typed="\${COMP_WORDS[*]:0:COMP_CWORD+1}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$what" ]; then what=$line; else COMPREPLY+=("$line"); fi
  done < <(command agent-collab __complete bash "$typed" "\${COMP_WORDBREAKS-}" 2>/dev/null </dev/null)
  # With nothing in COMPREPLY, bash completes a path by itself.
  [ "$what" = files ] || compopt +o default -o nosort 2>/dev/null
  return 0
}
complete -o default -F _agent_collab agent-collab
`;

const zsh = `#compdef agent-collab
# Completion of agent-collab for zsh. To have it in every shell, put this line into ~/.zshrc, after compinit:
#   source <(agent-collab completion zsh)
# or save the script as _agent-collab in a directory of $fpath.
_agent_collab() {
  local line what=''
  local -a found
  while IFS= read -r line; do
    if [[ -z $what ]]; then what=$line; else found+=("$line"); fi
  done < <(command agent-collab __complete zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)
  if [[ $what == files ]]; then
    _files
  elif (( $#found )); then
    _describe -V 'agent-collab' found
  else
    return 1
  fi
}
if [[ $funcstack[1] == _agent-collab ]]; then
  _agent_collab "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _agent_collab agent-collab
fi
`;

const fish = `# Completion of agent-collab for fish. To have it in every shell:
#   agent-collab completion fish > ~/.config/fish/completions/agent-collab.fish
function __agent_collab_complete
    set -l typed (commandline -opc)
    set -e typed[1]
    set -l current (commandline -ct)
    set -l found (command agent-collab __complete fish -- $typed "$current" 2>/dev/null </dev/null)
    if test "$found[1]" = files
        # As fish would complete the argument of a command that it does not know.
        complete -C "'' $current"
        return
    end
    set -e found[1]
    if set -q found[1]
        printf '%s\\n' $found
    end
end
complete -c agent-collab -f -k -a '(__agent_collab_complete)'
`;

export const shellScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
