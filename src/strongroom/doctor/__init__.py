"""Why an application cannot read its secret, and the command that mends it.

Facts are gathered first (``project``, ``containers``, ``services``, ``processes``, ``machine``); the judgements
(``sources``, ``access``, ``delivered``, ``machinery``) only look at facts, and never at the world.
"""
