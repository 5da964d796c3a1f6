"""Documents: from a component's text to the steps of a plan. Nothing here runs anything.

A text becomes nodes (`source`), nodes become structs (`shapes`), an AWSTOE text becomes a Document
(`toe`), a recipe names documents (`recipe`), and documents with values become a Plan (`plan`).
`references` and `chaining` know `{{ … }}`; `actions` what a step can do with a `guest`; `problems`
collects what is wrong. A further language adds a module beside `toe`, a further action a module in
`actions`.
"""
