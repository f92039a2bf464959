"""CloudWatch's dashboards, drawn here from the bodies that the stacks deploy."""
