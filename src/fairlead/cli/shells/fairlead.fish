# fish completion of fairlead. The client itself knows what may come next.
function __fairlead_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete fish $words[2..] "$current" 2>/dev/null)
    set -q lines[1]; or return
    set -l extra $lines[-1]
    set -e lines[-1]
    set -q lines[1]; and printf '%s\n' $lines
    switch $extra
        case :files
            __fish_complete_path $current
        case :dirs
            __fish_complete_directories $current
    end
end
complete -c fairlead -f -a '(__fairlead_complete)'
