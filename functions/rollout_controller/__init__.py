"""The function that makes true what stacks want."""
