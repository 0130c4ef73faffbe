# The verbs for the Raspberry Pi, included by the Makefile.

.PHONY: rpi-image test-rpi-image
RPI_IMAGE := build/rpi/swiftlet-rpi.img

rpi-image: build ## Make a card image for the Raspberry Pi 3, Zero 2 W, 4 (and 5): \
           build/rpi/swiftlet-rpi.img
	@platform/install-dependencies card
	@platform/rpi/fetch-firmware
	@platform/rpi/make-image build/kernel8.img $(RPI_IMAGE)

test-rpi-image: rpi-image ## Take kernel, trees and firmware out of the card image again, check \
                them, and boot them
	@platform/fetch-qemu
	@Tests/OnTarget/image-tests $(RPI_IMAGE) build/image-tests.totals
