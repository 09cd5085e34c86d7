from services.trainer.pod.app import main

if __name__ == "__main__":
    main()
