#compdef fairlead
# zsh completion of fairlead. The client itself knows what may come next.
_fairlead() {
    local -a lines plain open
    local line word extra
    lines=("${(@f)$("${words[1]}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    extra=${lines[-1]}
    lines[-1]=()
    for line in $lines; do
        word=${line%%$'\t'*}
        line=${word//:/\\:}${${line#$word}/$'\t'/:}
        if [[ $word == *[:=,] ]]; then open+=("$line"); else plain+=("$line"); fi
    done
    (($#plain)) && _describe -t values value plain
    (($#open)) && _describe -t values value open -S ''
    case $extra in
        :files) _files ;;
        :dirs) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _fairlead ]]; then _fairlead "$@"; else compdef _fairlead fairlead; fi
