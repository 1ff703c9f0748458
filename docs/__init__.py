"""The manual, as Markdown files; the provider of kind `guide` answers from them."""
