FROM box
CMD a
CMD b
