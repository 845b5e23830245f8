FROM box
ENV X=x Y=y
ENV A=\${X} B="\$X" C='\$X' D="a\"b" E=a\ b F=$X$Y G=${X}_${Y:-"q r"}
ENV H="${N:-a b}" I=${N:-$X} J=${N:-${X:+deep}} K="it's" L='"' M=\\ N2=${N:+never} O="a\tb" P='a\tb' Q=a\tb
ENV R="${X:+\"quoted\"}" S=${N:-'single $X'} T=${N:-"double $X"} U=$X: V=$X-$Y W=${X}${Y} Z=$
