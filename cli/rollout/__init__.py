"""`falaj rollout`: see, steer and check rollouts, in the local region and on AWS alike."""
