FROM box
CMD echo $HOME
