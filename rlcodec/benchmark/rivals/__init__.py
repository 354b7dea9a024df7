"""The rivals that policies are compared with, each by the rule that its source publishes.

The final file of every rival comes from one running encoder: what a tool would lose by joining
parts is not held against it, and all probes are made with the very settings of the file.
"""
