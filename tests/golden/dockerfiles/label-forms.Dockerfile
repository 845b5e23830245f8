FROM box
LABEL a=b
LABEL "c d"="e f" g=h\ i
LABEL multi="x\
y"
LABEL old form here
