"""How fast Orchard is, each part beside the limit of the machine."""
