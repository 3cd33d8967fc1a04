"""``python -m msrp`` is the `msrp` command."""

import sys

from ._cli import main

sys.exit(main())
