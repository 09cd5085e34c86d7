from services.dataset_validator.app import main

main()
