FROM box
ENV X=x
LABEL a="two \
lines" b='single $X' "c d"=$X e=a\ b f="" g= h="q\"q" i=$N
LABEL a.b/c-d_e=1 a=again
