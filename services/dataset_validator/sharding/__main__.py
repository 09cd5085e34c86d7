from services.dataset_validator.sharding.app import main

main()
