FROM box
CMD ["echo", "a b", "$HOME"]
