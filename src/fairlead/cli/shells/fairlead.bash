# bash completion of fairlead. The client itself knows what may come next.
_fairlead() {
    local reply extra word open=1 current=${COMP_WORDS[COMP_CWORD]}
    mapfile -t reply < <("${COMP_WORDS[0]}" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    COMPREPLY=()
    ((${#reply[@]})) || return
    extra=${reply[-1]}
    unset 'reply[-1]'
    COMPREPLY=("${reply[@]}")
    for word in "${reply[@]}"; do
        [[ $word == *[:=,] ]] || open=
    done
    [[ ${#reply[@]} -gt 0 && $open ]] && compopt -o nospace
    [[ $current == [=:] ]] && current=
    case $extra in
        :files) compopt -o filenames; while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current") ;;
        :dirs) compopt -o filenames; while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$current") ;;
    esac
}
complete -F _fairlead fairlead
