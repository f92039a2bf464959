"""ECS services behind an Application Load Balancer, as processes of this machine."""
