"""`python -m polyglot_cloud` is `polyglot-cloud`."""

import sys

from polyglot_cloud.cli import main

sys.exit(main())
