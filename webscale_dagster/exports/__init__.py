"""What leaves the platform: releases with their card, and the channels that point at them."""
