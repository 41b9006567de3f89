"""What fruit is made of: bodies, skins, flesh, plants, poses."""
