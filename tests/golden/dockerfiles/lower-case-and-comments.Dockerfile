# hello
from box as x
  run echo hi > /out

	cmd a # b
