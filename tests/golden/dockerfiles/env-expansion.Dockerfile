FROM box
ENV A=a
ENV B=$A C=${A}x D='$A' E=\$A F="$A"
ENV A=z G=$A H=${A:-q} I=${N:-q} J=${A:+q} K=${N:+q}
