FROM box AS a
