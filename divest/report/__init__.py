"""Pages of HTML to send on; results make them with their method ``to_html``."""

__all__: list[str] = []
